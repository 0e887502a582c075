import groovy.json.JsonOutput
import groovy.json.JsonSlurper

/** `Harness SPECS.json REPORTS.json`: for each spec runs one build, and those that it starts, and reports all of them. */
class Harness {
    static void main(String[] arguments) {
        def specs = new JsonSlurper().parse(new File(arguments[0]), 'UTF-8')
        new File(arguments[1]).setText(JsonOutput.toJson(specs.collect { run(it) }), 'UTF-8')
    }

    private static Map run(Map spec) {
        def controller = new Controller(spec, System.out)
        def refused = null
        try {
            spec.jobs.each { controller.start(it.name, it.parameters, spec.byHand as boolean) }
        } catch (HarnessError error) {
            refused = error.message
            System.out.println('REFUSED: ' + refused)
        }
        return [refused: refused, builds: controller.builds*.report()]
    }
}
