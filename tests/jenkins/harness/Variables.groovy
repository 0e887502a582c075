/** The section `environment`: assignments, whose values may use what was assigned before, `params` and `env`. */
class Variables {
    Jenkinsfile script
    Map<String, Object> values

    void setProperty(String name, value) {
        if (name in ['script', 'values']) {
            this.@"$name" = value
        } else {
            values[name] = value
        }
    }

    def propertyMissing(String name) { values.containsKey(name) ? values[name] : script.propertyMissing(name) }

    def methodMissing(String name, arguments) {
        throw new HarnessError('environment: unknown ' + name + '()')
    }
}
