import groovy.json.JsonOutput

/** `JobDsl SCRIPT REPORT.json`: runs a Job DSL script and reports its jobs as calls: [name, arguments, calls within]. */
class JobDsl {
    static void main(String[] arguments) {
        def jobs = []
        def script = new GroovyShell().parse(new File(arguments[0]))
        script.metaClass.pipelineJob = { String name, Closure body -> jobs << ['pipelineJob', [name], Calls.of(body)] }
        script.run()
        new File(arguments[1]).setText(JsonOutput.toJson(jobs), 'UTF-8')
    }
}
