/** One build: its result, which only gets worse, and all that it did. */
class Build {
    static final List<String> ORDER = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    final Controller controller
    final String job
    final int number
    final Map<String, String> given
    final long startedMs = System.currentTimeMillis()
    final File workspace
    final File archive
    Map<String, String> parameters = [:]
    Map<String, String> environment = [:]  // set by `env.X = ...`
    List<Map<String, String>> scopes = []  // `environment` and `withEnv`, the innermost last
    boolean byHand = false  // else by cron, or by another build
    boolean onAgent = false
    File directory
    String result
    String description
    String stage
    String stageResult
    final List<Map> stages = []
    final List<Map> shells = []
    final List<String> log = []
    final List<String> artifacts = []
    final List<String> tests = []
    final List<String> pages = []
    final Map declared = [:]

    Build(Controller controller, String job, int number, Map<String, String> given) {
        this.controller = controller
        this.job = job
        this.number = number
        this.given = given
        workspace = new File(controller.home, 'workspace/' + job)
        archive = new File(controller.home, 'builds/' + job + '/' + number)
        workspace.mkdirs()
        archive.mkdirs()
        directory = workspace
    }

    void run(File file) {
        try {
            Jenkinsfile.load(file, this).run()
        } catch (BuildEnded ended) {
            say('ERROR: ' + ended.message)
            worsen(ended.result)
        }
        result = result ?: 'SUCCESS'
        say('Finished: ' + result)
    }

    void say(String line) {
        log << line
        controller.console.println('[' + job + ' #' + number + '] ' + line)
    }

    void worsen(String other) {
        if (!(other in ORDER)) {
            throw new HarnessError('unknown result ' + other)
        }
        if (ORDER.indexOf(other) > ORDER.indexOf(result ?: 'SUCCESS')) {
            result = other
        }
    }

    void worsenStage(String other) {
        if (ORDER.indexOf(other) > ORDER.indexOf(stageResult ?: 'SUCCESS')) {
            stageResult = other
        }
    }

    String getCurrentResult() { result ?: 'SUCCESS' }

    Map<String, String> fullEnvironment() {
        def all = [JOB_NAME: job, BUILD_NUMBER: number as String, BUILD_TAG: 'jenkins-' + job + '-' + number]
        if (onAgent) {
            all = [*: controller.agentEnvironment, *: all, WORKSPACE: workspace.path]
        }
        all = [*: all, *: parameters, *: environment]
        scopes.each { all.putAll(it) }
        return all
    }

    /** Of a build that another has waited for: its parameters, and what it set by `env.X = ...`. */
    Map<String, String> getBuildVariables() { [*: parameters, *: environment] }

    def withScope(Map<String, String> scope, Closure body) {
        scopes << scope
        try {
            return body()
        } finally {
            scopes.remove(scopes.size() - 1)
        }
    }

    def onAgent(String label, Closure body) {
        if (!controller.executors.containsKey(label)) {
            throw new HarnessError('no agent has the label ' + label + ': the build would wait for ever')
        }
        if (onAgent) {
            throw new HarnessError('an agent inside of an agent')
        }
        if (controller.executors[label] == 0) {
            throw new HarnessError(job + ' waits for an executor that waits for ' + job)
        }
        controller.executors[label] -= 1
        onAgent = true
        try {
            return body()
        } finally {
            onAgent = false
            controller.executors[label] += 1
        }
    }

    def locked(String name, Closure body) {
        if (!controller.locks.add(name)) {
            throw new HarnessError(job + ' waits for the lock ' + name + ', which is held by a build that waits for ' + job)
        }
        say('Lock acquired on ' + name)
        try {
            return body()
        } finally {
            controller.locks.remove(name)
        }
    }

    Map report() {
        [job: job, number: number, result: result, description: description, parameters: parameters, stages: stages,
         shells: shells, log: log, artifacts: artifacts, tests: tests, pages: pages, declared: declared]
    }
}
