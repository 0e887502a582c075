"""The harness itself: it does what Jenkins does, and refuses what Jenkins has not."""

from __future__ import annotations

import pytest

from tests.jenkins.pipeline_runs import Jobs, Run, need_groovy, run_jobs

ONE_STAGE = """
pipeline {
    agent { label 'scoring' }
    stages { stage('Only') { steps { %s } } }
    %s
}
"""
TWO_STAGES = """
pipeline {
    agent { label 'scoring' }
    %s
    stages {
        stage('First') { steps { %s } }
        stage('Second') { steps { echo 'second' } }
    }
    post {
        cleanup { echo 'cleanup' }
        unstable { echo 'unstable' }
        failure { echo 'failure' }
        success { echo 'success' }
        always { echo 'always' }
    }
}
"""
POST_THAT_FAILS = """
    post {
        always { error 'broken' }
        cleanup { echo 'cleanup' }
    }
"""
WHEN = """
pipeline {
    agent none
    environment { WANTED = 'yes' }
    stages {
        stage('By environment') {
            when { environment name: 'WANTED', value: 'yes' }
            steps { echo 'a' }
        }
        stage('Not') {
            when { not { environment name: 'WANTED', value: 'yes' } }
            steps { echo 'b' }
        }
        stage('Before its agent') {
            agent { label 'nobody has it' }
            when {
                beforeAgent true
                expression { env.MISSING }
            }
            steps { echo 'd' }
        }
        stage('Any') {
            when {
                anyOf {
                    environment name: 'WANTED', value: 'no'
                    expression { env.WANTED == 'yes' }
                }
            }
            steps { echo 'c' }
        }
    }
}
"""
QUOTING = """
pipeline {
    agent { label 'scoring' }
    parameters { string(name: 'WORD', defaultValue: 'plain', trim: true, description: '') }
    environment { COPY = "${params.WORD}!" }
    stages {
        stage('Only') { steps { script {
            def seen = sh(returnStdout: true, script: 'printf "%s|%s" "$WORD" "$COPY"')
            currentBuild.description = seen
        } } }
    }
}
"""
PARENT = """
pipeline {
    agent %s
    stages { stage('Only') { steps { script {
        %s
    } } } }
}
"""
CHILD = """
pipeline {
    agent { label 'scoring' }
    options { lock('it') }
    stages { stage('Only') { steps { script { env.WHY = 'so so' }
        unstable 'so so' } } }
}
"""

NULLS = """
    def read = readJSON(text: '{"there": null}'%s)
    currentBuild.description = [read.there ? 'true' : 'false', read.absent ? 'true' : 'false'].join(' ')
"""

FILES = {
    "unknown-step": ONE_STAGE % ("emailext(to: 'x')", ""),
    "unknown-field": ONE_STAGE % ("sh(script: 'true', returnState: true)", ""),
    "unknown-section": ONE_STAGE % ("echo 'x'", "tools { jdk 'x' }"),
    "unknown-option": TWO_STAGES % ("options { retries(3) }", "echo 'x'"),
    "unknown-post": ONE_STAGE % ("echo 'x'", "post { anyway { echo 'x' } }"),
    "unknown-label": ONE_STAGE.replace("'scoring'", "'other'") % ("echo 'x'", ""),
    "no-agent": "pipeline { stages { stage('Only') { steps { echo 'x' } } } }",
    "groovy-in-steps": ONE_STAGE % ("if (true) { echo 'x' }", ""),
    "interpolated-script": ONE_STAGE % ('sh "echo ${env.JOB_NAME}"', ""),
    "undeclared-parameter": PARENT % ("none", "build(job: 'child', parameters: [string(name: 'X', value: '1')])"),
    "own-executor": PARENT % ("{ label 'scoring' }", "build(job: 'child')"),
    "own-lock": PARENT % ("none", "lock('it') { build(job: 'child') }"),
    "passes": TWO_STAGES % ("", "echo 'first'"),
    "fails": TWO_STAGES % ("", "sh 'exit 3'"),
    "unstable": TWO_STAGES % ("", "unstable 'hm'"),
    "unstable-skips": TWO_STAGES % ("options { skipStagesAfterUnstable() }", "unstable 'hm'"),
    "never-better": TWO_STAGES
    % ("", "script { currentBuild.result = 'FAILURE'\n currentBuild.result = 'SUCCESS'\n unstable 'hm' }"),
    "caught": TWO_STAGES % ("", "catchError(buildResult: 'UNSTABLE', stageResult: 'FAILURE') { error 'no' }"),
    "post-that-fails": ONE_STAGE % ("echo 'x'", POST_THAT_FAILS),
    "no-artifacts": ONE_STAGE % ("archiveArtifacts 'nothing/**'", ""),
    "sh-without-agent": PARENT % ("none", "sh 'true'"),
    "when": WHEN,
    "null-is-an-object": ONE_STAGE % (f"script {{ {NULLS % ''} }}", ""),
    "null-is-null": ONE_STAGE % (f"script {{ {NULLS % ', returnPojo: true'} }}", ""),
    "quoting": QUOTING,
    "child": CHILD,
    "propagates": PARENT % ("none", "build(job: 'child')"),
    "does-not-propagate": PARENT
    % (
        "none",
        "def child = build(job: 'child', propagate: false)\n def why = child.buildVariables.WHY\n"
        " currentBuild.description = child.result + why",
    ),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Each file, run once, by a controller of its own."""
    need_groovy()
    folder = tmp_path_factory.mktemp("harness")
    for name, text in FILES.items():
        (folder / f"{name}.Jenkinsfile").write_text(text)
    parameters = {"quoting": {"WORD": " a'b\"c$(touch pwned)`id`; exit 1 "}}
    controllers = [Jobs([(name, parameters.get(name, {}))], {}, folder) for name in FILES]
    return dict(zip(FILES, run_jobs(folder, *controllers), strict=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unknown-step", "unknown step emailext"),
        ("unknown-field", "sh: unknown field returnState"),
        ("unknown-section", "pipeline: unknown tools"),
        ("unknown-option", "options: unknown retries"),
        ("unknown-post", "post: unknown anyway"),
        ("unknown-label", "no agent has the label other"),
        ("no-agent", "pipeline: no agent"),
        ("groovy-in-steps", "not allowed outside of script"),
        ("interpolated-script", "the script is made of Groovy values"),
        ("undeclared-parameter", "would drop undeclared parameters: X"),
        ("own-executor", "waits for an executor"),
        ("own-lock", "waits for the lock it"),
    ],
)
def test_steps_that_jenkins_lacks_are_refused(runs: dict[str, Run], name: str, message: str) -> None:
    assert message in (runs[name].refused or "")


@pytest.mark.parametrize(("name", "told"), [("null-is-an-object", "true false"), ("null-is-null", "false false")])
def test_null_of_json_is_an_object_unless_plain_values_are_asked_for(
    runs: dict[str, Run], name: str, told: str
) -> None:
    build = runs[name].last(name)
    assert (build.result, build.description) == ("SUCCESS", told)


@pytest.mark.parametrize(
    ("name", "result", "stages", "post"),
    [
        ("passes", "SUCCESS", ["SUCCESS", "SUCCESS"], ["always", "success", "cleanup"]),
        ("fails", "FAILURE", ["FAILURE", "SKIPPED"], ["always", "failure", "cleanup"]),
        ("unstable", "UNSTABLE", ["UNSTABLE", "SUCCESS"], ["always", "unstable", "cleanup"]),
        ("unstable-skips", "UNSTABLE", ["UNSTABLE", "SKIPPED"], ["always", "unstable", "cleanup"]),
        ("never-better", "FAILURE", ["FAILURE", "SUCCESS"], ["always", "failure", "cleanup"]),
        ("caught", "UNSTABLE", ["FAILURE", "SUCCESS"], ["always", "unstable", "cleanup"]),
    ],
)
def test_results_stages_and_the_order_of_post(
    runs: dict[str, Run], name: str, result: str, stages: list[str], post: list[str]
) -> None:
    build = runs[name].last(name)
    assert (build.result, list(build.stages.values())) == (result, stages)
    assert [
        line for line in build.log.splitlines() if line in {"always", "success", "unstable", "failure", "cleanup"}
    ] == post


def test_a_post_condition_that_fails_fails_the_build_and_not_the_others(runs: dict[str, Run]) -> None:
    build = runs["post-that-fails"].last("post-that-fails")
    assert build.result == "FAILURE"
    assert "cleanup" in build.log.splitlines()


@pytest.mark.parametrize("name", ["no-artifacts", "sh-without-agent"])
def test_a_step_that_can_not_do_its_work_fails_the_build(runs: dict[str, Run], name: str) -> None:
    assert runs[name].last(name).result == "FAILURE"


def test_the_when_block_decides_which_stages_run(runs: dict[str, Run]) -> None:
    assert list(runs["when"].last("when").stages.values()) == ["SUCCESS", "SKIPPED", "SKIPPED", "SUCCESS"]


def test_a_parameter_reaches_the_shell_as_a_value_and_never_as_code(runs: dict[str, Run]) -> None:
    run = runs["quoting"]
    word = "a'b\"c$(touch pwned)`id`; exit 1"
    assert run.last("quoting").description == f"{word}|{word}!"
    assert not list(run.home.rglob("pwned"))


def test_a_build_that_starts_another_gets_its_result(runs: dict[str, Run]) -> None:
    assert runs["propagates"].last("propagates").result == "UNSTABLE"
    quiet = runs["does-not-propagate"].last("does-not-propagate")
    assert (quiet.result, quiet.description) == ("SUCCESS", "UNSTABLEso so")


def test_builds_are_reported_in_the_order_of_their_start(runs: dict[str, Run]) -> None:
    assert [build.job for build in runs["propagates"].builds] == ["propagates", "child"]
