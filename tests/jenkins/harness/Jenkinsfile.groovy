import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilerConfiguration

/** The base of every Jenkinsfile's script: `pipeline` and, for whatever else is called, the steps. */
abstract class Jenkinsfile extends Script {
    // Not properties: a script's properties are variables of the pipeline.
    private Build build
    private Steps steps

    static Jenkinsfile load(File file, Build build) {
        def configuration = new CompilerConfiguration(scriptBaseClass: Jenkinsfile.name)
        configuration.addCompilationCustomizers(new DeclarativeSyntax())
        def shell = new GroovyShell(Jenkinsfile.classLoader, new Binding(), configuration)
        try {
            def script = shell.parse(file.getText('UTF-8'), 'WorkflowScript.groovy') as Jenkinsfile
            script.belongsTo(build)
            return script
        } catch (CompilationFailedException error) {
            throw new HarnessError(file.name + ': ' + error.message)
        }
    }

    void belongsTo(Build build) {
        this.@build = build
        this.@steps = new Steps(build)
    }

    void pipeline(Closure body) {
        new Interpreter(this.@build, this).run(body)
    }

    def methodMissing(String name, arguments) {
        if (this.@build.stage == null && !this.@build.declared.post_running) {
            throw new HarnessError(name + '() outside of a stage')
        }
        return this.@steps.call(name, arguments as List)
    }

    def propertyMissing(String name) {
        switch (name) {
            case 'env': return new Env(this.@build)
            case 'params': return this.@build.parameters.asImmutable()
            case 'currentBuild': return new CurrentBuild(this.@build)
        }
        def found = this.@build.fullEnvironment()
        if (found.containsKey(name)) {
            return found[name]
        }
        throw new HarnessError('unknown name ' + name)
    }
}
