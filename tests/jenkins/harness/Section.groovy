/** A section while it is read: what may stand in it is remembered, everything else is refused. */
class Section {
    String where
    List<String> known
    Map<String, List> found

    def methodMissing(String name, arguments) {
        if (where == 'options' && name == 'logRotator') {
            return [logRotator: arguments[0]]
        }
        if (!(name in known)) {
            throw new HarnessError(where + ': unknown ' + name)
        }
        found[name] << (arguments as List)
        return null
    }

    def propertyMissing(String name) {
        if (where == 'pipeline' || where.startsWith('stage ')) {
            if (name in ['none', 'any']) {
                return name
            }
        }
        throw new HarnessError(where + ': unknown name ' + name)
    }
}
