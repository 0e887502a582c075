/** What is called within a block, whatever it is. */
class Calls {
    final List<List> found = []

    static List of(Closure body) {
        def calls = new Calls()
        def copy = body.rehydrate(calls, body.owner, body.thisObject)
        copy.resolveStrategy = Closure.DELEGATE_FIRST
        copy()
        return calls.found
    }

    def methodMissing(String name, arguments) {
        def values = arguments as List
        def body = values && values[-1] instanceof Closure ? values.pop() : null
        found << [name, values, body == null ? [] : of(body)]
        return null
    }
}
