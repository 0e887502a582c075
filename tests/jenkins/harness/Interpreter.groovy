/**
 * Runs a declarative pipeline as Jenkins does: options wrap the agent, the agent wraps environment, stages and post.
 *
 * Sections are closures. Each is called with a delegate that knows what may stand in it and refuses the rest.
 */
class Interpreter {
    static final List<String> CONDITIONS = ['beforeAgent', 'environment', 'expression', 'not', 'allOf', 'anyOf']
    static final List<String> POST = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success',
                                      'unstable', 'unsuccessful', 'notBuilt', 'cleanup']

    final Build build
    final Jenkinsfile script

    Interpreter(Build build, Jenkinsfile script) {
        this.build = build
        this.script = script
    }

    /** Call a section; gives what it says, by name. */
    private Map<String, List> section(String where, Closure body, List<String> known) {
        def found = [:].withDefault { [] }
        def delegate = new Section(where: where, known: known, found: found)
        within(delegate, body)
        return found
    }

    private static void within(delegate, Closure body) {
        def copy = body.rehydrate(delegate, delegate, body.thisObject)
        copy.resolveStrategy = Closure.DELEGATE_ONLY
        copy()
    }

    /** Call steps: names are looked up in the script, which hands them to the steps. */
    private perform(Closure body) { body.rehydrate(script, script, script)() }

    void run(Closure body) {
        def parts = section('pipeline', body,
            ['agent', 'options', 'triggers', 'parameters', 'environment', 'stages', 'post'])
        ['agent', 'stages'].each {
            if (!parts[it]) {
                throw new HarnessError('pipeline: no ' + it)
            }
        }
        declareParameters(parts.parameters)
        declareTriggers(parts.triggers)
        def options = readOptions(parts.options)
        wrapped(options, 0) { agent(parts.agent[0]) { inEnvironment(parts.environment) { stagesAndPost(parts, options) } } }
    }

    // The build's parameters are those that are declared, with what was given instead of the defaults.
    private void declareParameters(List sections) {
        def declared = [:]
        sections.each {
            section('parameters', it[0], ['string', 'choice', 'booleanParam']).each { kind, calls ->
                calls.each { arguments ->
                    def fields = arguments[0]
                    allow(kind, fields, ['name', 'defaultValue', 'choices', 'description'] + (kind == 'string' ? ['trim'] : []))
                    declared[fields.name] = fields
                }
            }
        }
        def unknown = build.given.keySet() - declared.keySet()
        if (unknown) {
            throw new HarnessError(build.job + ': Jenkins would drop undeclared parameters: ' + unknown.join(', '))
        }
        build.parameters = declared.collectEntries { name, fields ->
            def value = build.given.containsKey(name) ? build.given[name] : (fields.choices ? fields.choices[0] : fields.defaultValue)
            [(name): fields.trim ? (value as String).trim() : value as String]
        }
        build.declared.parameters = declared.collectEntries { name, fields -> [(name): fields.defaultValue as String] }
    }

    private void declareTriggers(List sections) {
        sections.each {
            build.declared.cron = section('triggers', it[0], ['cron']).cron.collect { arguments -> arguments[0] as String }
        }
    }

    private static void allow(String what, Map fields, List<String> known) {
        def unknown = fields.keySet() - known
        if (unknown) {
            throw new HarnessError(what + ': unknown field ' + unknown.join(', '))
        }
    }

    private Map readOptions(List sections) {
        def found = [:]
        sections.each {
            found = section('options', it[0], ['disableConcurrentBuilds', 'lock', 'timeout', 'buildDiscarder',
                                               'skipStagesAfterUnstable', 'timestamps'])
        }
        if (found.timeout) {
            allow('timeout', found.timeout[0][0], ['time', 'unit', 'activity'])
            java.util.concurrent.TimeUnit.valueOf(found.timeout[0][0].unit)
        }
        if (found.buildDiscarder) {
            allow('logRotator', found.buildDiscarder[0][0].logRotator,
                ['numToKeepStr', 'daysToKeepStr', 'artifactNumToKeepStr', 'artifactDaysToKeepStr'])
        }
        build.declared.options = found.keySet() as List
        build.declared.locks = found.lock ? found.lock.collect { it[0] instanceof Map ? it[0].resource : it[0] } : []
        return found
    }

    private void wrapped(Map options, int lock, Closure body) {
        if (lock == build.declared.locks.size()) {
            body()
        } else {
            build.locked(build.declared.locks[lock] as String) { wrapped(options, lock + 1, body) }
        }
    }

    private void agent(List arguments, Closure body) {
        if (arguments[0] == 'none') {
            body()
        } else if (arguments[0] instanceof Closure) {
            def label = section('agent', arguments[0], ['label']).label
            build.onAgent(label[0][0] as String, body)
        } else {
            throw new HarnessError('agent: expected none, or a block with a label')
        }
    }

    private void inEnvironment(List sections, Closure body) {
        def values = [:]
        sections.each { within(new Variables(script: script, values: values), it[0]) }
        build.withScope(values.collectEntries { name, value -> [(name): value as String] }, body)
    }

    private void stagesAndPost(Map parts, Map options) {
        BuildEnded ended = null
        section('stages', parts.stages[0][0], ['stage']).stage.each { arguments ->
            try {
                stage(arguments[0] as String, arguments[1], ended, options)
            } catch (BuildEnded problem) {
                build.say('ERROR: ' + problem.message)
                build.worsen(problem.result)
                ended = ended ?: problem
            }
        }
        build.declared.post_running = true
        post(parts.post, build.currentResult)
        build.declared.remove('post_running')
    }

    private void stage(String name, Closure body, BuildEnded ended, Map options) {
        def parts = section('stage ' + name, body, ['agent', 'when', 'environment', 'steps', 'post'])
        if (!parts.steps) {
            throw new HarnessError('stage ' + name + ': no steps')
        }
        def skipped = null
        if (ended) {
            skipped = 'earlier failure'
        } else if (options.skipStagesAfterUnstable && build.currentResult == 'UNSTABLE') {
            skipped = 'earlier stage unstable'
        }
        if (skipped) {
            build.say('Stage "' + name + '" skipped due to ' + skipped)
            build.stages << [name: name, result: 'SKIPPED']
            return
        }
        build.stage = name
        build.stageResult = null
        BuildEnded problem = null
        def happened = false
        try {
            def condition = parts.when ? parts.when[0][0] : null
            def early = condition && section('when', condition, CONDITIONS).beforeAgent == [[true]]
            if (early && !when(condition)) {
                build.say('Stage "' + name + '" skipped due to when conditional')
                return
            }
            agent(parts.agent ? parts.agent[0] : ['none']) {
                inEnvironment(parts.environment) {
                    if (condition && !early && !when(condition)) {
                        build.say('Stage "' + name + '" skipped due to when conditional')
                        return
                    }
                    happened = true
                    build.say('Stage: ' + name)
                    try {
                        perform(parts.steps[0][0])
                    } catch (BuildEnded caught) {
                        problem = caught
                        build.worsen(caught.result)
                        build.worsenStage(caught.result)
                    }
                    post(parts.post, build.stageResult ?: 'SUCCESS')
                }
            }
        } finally {
            build.stages << [name: name, result: happened ? build.stageResult ?: 'SUCCESS' : 'SKIPPED']
            build.stage = null
        }
        if (problem) {
            throw problem
        }
    }

    private boolean when(Closure body) {
        def holds = true
        section('when', body, CONDITIONS).each { kind, calls ->
            if (kind == 'beforeAgent') {
                return
            }
            calls.each { arguments -> holds &= condition(kind, arguments[0]) }
        }
        return holds
    }

    private boolean condition(String kind, argument) {
        switch (kind) {
            case 'environment':
                allow('environment', argument, ['name', 'value'])
                return (build.fullEnvironment()[argument.name] ?: '') == argument.value
            case 'expression':
                return perform(argument) as boolean
            case 'not':
                return !when(argument)
            case 'allOf':
                return when(argument)
            default:
                return section('anyOf', argument, ['environment', 'expression', 'not', 'allOf', 'anyOf'])
                    .any { name, calls -> calls.any { condition(name, it[0]) } }
        }
    }

    // A condition that fails makes the build fail, and the others still run; in Jenkins' order, whatever the file's.
    private void post(List sections, String result) {
        def conditions = sections ? section('post', sections[0][0], POST) : [:]
        POST.findAll { conditions[it] && applies(it, result) }.each { name ->
            build.say('Post: ' + name)
            try {
                perform(conditions[name][0][0])
            } catch (BuildEnded problem) {
                build.say('Error when executing ' + name + ' post condition: ' + problem.message)
                build.worsen(problem.result)
                build.worsenStage(problem.result)
            }
        }
    }

    private boolean applies(String condition, String result) {
        def before = build.controller.builds.findAll { it.job == build.job && it.number < build.number }
        def last = before ? before[-1].result : null
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'changed': return last != null && last != result
            case 'fixed': return last in ['FAILURE', 'UNSTABLE'] && result == 'SUCCESS'
            case 'regression': return last != null && Build.ORDER.indexOf(result) > Build.ORDER.indexOf(last)
            case 'unsuccessful': return result != 'SUCCESS'
            case 'notBuilt': return result == 'NOT_BUILT'
            default: return condition.toUpperCase() == result
        }
    }
}
