/** The controller: its agents, locks and jobs. Builds run one inside the other, as `build job:` makes them wait. */
class Controller {
    final File pipelines
    final File home
    final Map<String, String> agentEnvironment
    final Map<String, Integer> executors  // by label
    final List<Build> builds = []
    final Set<String> locks = []
    final PrintStream console

    Controller(Map spec, PrintStream console) {
        pipelines = new File(spec.pipelines)
        home = new File(spec.home)
        agentEnvironment = spec.environment
        executors = [scoring: spec.executors ?: 1]
        this.console = console
    }

    Build start(String job, Map<String, String> parameters, boolean byHand = false) {
        def file = new File(pipelines, job + '.Jenkinsfile')
        if (!file.isFile()) {
            throw new BuildEnded('No item named ' + job + ' found')
        }
        def number = builds.count { it.job == job } + 1
        def build = new Build(this, job, number, parameters)
        build.byHand = byHand
        builds << build
        build.run(file)
        return build
    }
}
