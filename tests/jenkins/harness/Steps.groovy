import groovy.json.JsonSlurper
import java.nio.file.FileSystems
import java.nio.file.Files

/** The steps that Jenkins has with the plugins of jenkins/plugins.txt and that pipelines here may use. */
class Steps {
    final Build build

    Steps(Build build) { this.build = build }

    /** Call a step by its name; each checks its own arguments. */
    def call(String name, List arguments) {
        if (name == 'call' || !Steps.declaredMethods.any { it.name == 'step_' + name }) {
            throw new HarnessError('unknown step ' + name + '()')
        }
        def body = arguments && arguments[-1] instanceof Closure ? arguments.pop() : null
        return this."step_$name"(arguments, body)
    }

    // Arguments: one unnamed value stands for the step's main field.
    private static Map fields(String step, List arguments, String main, List<String> known) {
        if (arguments.size() > 1) {
            throw new HarnessError(step + ': one value or named fields expected')
        }
        def value = arguments ? arguments[0] : [:]
        def map = value instanceof Map ? value : [(main): value]
        def unknown = map.keySet() - ([main] + known)
        if (unknown) {
            throw new HarnessError(step + ': unknown field ' + unknown.join(', '))
        }
        return map
    }

    private static void bodied(String step, Closure body, boolean expected) {
        if ((body != null) != expected) {
            throw new HarnessError(step + (expected ? ': a block is missing' : ': takes no block'))
        }
    }

    private void needAgent(String step) {
        if (!build.onAgent) {
            throw new BuildEnded(step + ': required context class hudson.FilePath is missing (no agent)')
        }
    }

    def step_echo(List arguments, Closure body) {
        build.say(fields('echo', arguments, 'message', []).message as String)
    }

    def step_error(List arguments, Closure body) {
        throw new BuildEnded(fields('error', arguments, 'message', []).message as String)
    }

    def step_unstable(List arguments, Closure body) {
        build.say('WARNING: ' + fields('unstable', arguments, 'message', []).message)
        build.worsen('UNSTABLE')
        build.worsenStage('UNSTABLE')
    }

    def step_script(List arguments, Closure body) {
        bodied('script', body, true)
        return body()
    }

    def step_withEnv(List arguments, Closure body) {
        bodied('withEnv', body, true)
        def scope = fields('withEnv', arguments, 'overrides', []).overrides.collectEntries {
            def (name, value) = (it as String).split('=', 2)
            [(name): value]
        }
        return build.withScope(scope, body)
    }

    def step_lock(List arguments, Closure body) {
        bodied('lock', body, true)
        return build.locked(fields('lock', arguments, 'resource', []).resource as String, body)
    }

    def step_catchError(List arguments, Closure body) {
        bodied('catchError', body, true)
        def options = fields('catchError', arguments, 'message', ['buildResult', 'stageResult'])
        try {
            body()
        } catch (BuildEnded ended) {
            build.say('ERROR: ' + (options.message ?: ended.message))
            build.worsen(options.buildResult ?: 'FAILURE')
            build.worsenStage(options.stageResult ?: options.buildResult ?: 'FAILURE')
        }
    }

    def step_dir(List arguments, Closure body) {
        needAgent('dir')
        bodied('dir', body, true)
        def before = build.directory
        build.directory = new File(before, fields('dir', arguments, 'path', []).path as String)
        try {
            return body()
        } finally {
            build.directory = before
        }
    }

    def step_deleteDir(List arguments, Closure body) {
        needAgent('deleteDir')
        build.directory.deleteDir()
    }

    def step_fileExists(List arguments, Closure body) {
        needAgent('fileExists')
        return new File(build.directory, fields('fileExists', arguments, 'file', []).file as String).exists()
    }

    def step_readJSON(List arguments, Closure body) {
        needAgent('readJSON')
        def options = fields('readJSON', arguments, 'file', ['text', 'returnPojo'])
        def read = new JsonSlurper().parseText(
            options.text ?: new File(build.directory, options.file as String).getText('UTF-8'))
        return options.returnPojo ? read : withNullObjects(read)
    }

    /** As Jenkins has it unless asked for plain values: null is an object, which is neither absent nor false. */
    private static Object withNullObjects(Object value) {
        if (value instanceof Map) {
            return value.collectEntries { name, one -> [name, withNullObjects(one)] }
        }
        if (value instanceof List) {
            return value.collect { withNullObjects(it) }
        }
        return value == null ? JsonNull.INSTANCE : value
    }

    def step_sh(List arguments, Closure body) {
        needAgent('sh')
        def options = fields('sh', arguments, 'script', ['returnStatus', 'returnStdout', 'label'])
        if (!(options.script instanceof String)) {
            throw new HarnessError('sh: the script is made of Groovy values; hand them over as environment variables')
        }
        if (options.returnStatus && options.returnStdout) {
            throw new BuildEnded('you may not select both returnStdout and returnStatus')
        }
        build.directory.mkdirs()
        build.say('+ ' + options.script)
        def file = File.createTempFile('script', '.sh')
        file.text = options.script
        def process = new ProcessBuilder('sh', '-e', file.path).directory(build.directory)
        process.environment().clear()
        process.environment().putAll(build.fullEnvironment().findAll { it.value != null })
        if (!options.returnStdout) {
            process.redirectErrorStream(true)
        }
        def running = process.start()
        running.outputStream.close()
        def errors = Thread.start { running.errorStream.eachLine { build.controller.console.println(it) } }
        def output = null
        if (options.returnStdout) {
            output = running.inputStream.getText('UTF-8')
        } else {
            running.inputStream.eachLine('UTF-8') { build.say(it) }
        }
        def status = running.waitFor()
        errors.join()
        file.delete()
        build.shells << [stage: build.stage, script: options.script, status: status]
        if (options.returnStatus) {
            return status
        }
        if (status != 0) {
            throw new BuildEnded('script returned exit code ' + status)
        }
        return output
    }

    def step_string(List arguments, Closure body) {
        def parameter = fields('string', arguments, 'name', ['value'])
        if (parameter.value == null) {
            throw new HarnessError('string: a parameter needs name and value')
        }
        return [name: parameter.name as String, value: parameter.value as String]
    }

    def step_build(List arguments, Closure body) {
        def options = fields('build', arguments, 'job', ['wait', 'propagate', 'parameters'])
        def parameters = (options.parameters ?: []).collectEntries { [(it.name): it.value] }
        build.say('Scheduling project: ' + options.job)
        def other = build.controller.start(options.job as String, parameters)
        if (options.wait == false) {
            return null
        }
        build.say(options.job + ' #' + other.number + ' completed: ' + other.result)
        if (options.propagate != false && other.result != 'SUCCESS') {
            throw new BuildEnded(options.job + ' #' + other.number + ' completed with status ' + other.result, other.result)
        }
        return other
    }

    private List<File> matching(String patterns) {
        def root = build.directory.toPath()
        def matchers = patterns.split(',').collect { FileSystems.default.getPathMatcher('glob:' + it.trim()) }
        def found = []
        if (build.directory.isDirectory()) {
            build.directory.eachFileRecurse {
                if (it.isFile() && matchers.any { matcher -> matcher.matches(root.relativize(it.toPath())) }) {
                    found << it
                }
            }
        }
        return found.sort()
    }

    private String relative(File file) { build.workspace.toPath().relativize(file.toPath()).toString() }

    def step_archiveArtifacts(List arguments, Closure body) {
        needAgent('archiveArtifacts')
        def options = fields('archiveArtifacts', arguments, 'artifacts', ['allowEmptyArchive', 'fingerprint'])
        def found = matching(options.artifacts as String)
        if (!found && !options.allowEmptyArchive) {
            throw new BuildEnded('No artifacts found that match the file pattern "' + options.artifacts + '"')
        }
        found.each {
            def copy = new File(build.archive, relative(it))
            copy.parentFile.mkdirs()
            Files.copy(it.toPath(), copy.toPath())
            build.artifacts << relative(it)
        }
    }

    def step_junit(List arguments, Closure body) {
        needAgent('junit')
        def options = fields('junit', arguments, 'testResults', ['allowEmptyResults', 'skipMarkingBuildUnstable'])
        def found = matching(options.testResults as String)
        if (!found && !options.allowEmptyResults) {
            throw new BuildEnded('No test report files were found')
        }
        if (found.any { it.lastModified() < build.startedMs - 3000 }) {
            throw new BuildEnded('Test reports were found but not all of them are new')
        }
        def bad = 0
        found.each { file ->
            new XmlSlurper().parse(file).depthFirst().findAll { it.name() == 'testcase' }.each {
                def failed = it.children().any { child -> child.name() in ['failure', 'error'] }
                build.tests << (it.@name.text() + (failed ? ' FAILED' : ''))
                bad += failed ? 1 : 0
            }
        }
        if (bad && !options.skipMarkingBuildUnstable) {
            build.worsen('UNSTABLE')
            build.worsenStage('UNSTABLE')
        }
    }

    def step_publishHTML(List arguments, Closure body) {
        needAgent('publishHTML')
        def target = arguments[0] instanceof Map && arguments[0].target ? arguments[0].target : arguments[0]
        def known = ['reportDir', 'reportFiles', 'allowMissing', 'keepAll', 'alwaysLinkToLastBuild']
        def options = fields('publishHTML', [target], 'reportName', known)
        def missing = ['allowMissing', 'keepAll', 'alwaysLinkToLastBuild'].findAll { options[it] == null }
        if (missing) {
            throw new HarnessError('publishHTML: ' + missing.join(', ') + ' must be given')
        }
        def page = new File(new File(build.directory, options.reportDir as String), options.reportFiles as String)
        if (page.isFile()) {
            build.pages << options.reportName
        } else if (!options.allowMissing) {
            throw new BuildEnded('Specified HTML directory ' + options.reportDir + ' does not exist')
        }
    }
}
