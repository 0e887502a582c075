/** `env`: variables can be read, missing ones are null, and set for the rest of the build. */
class Env {
    private final Build build

    Env(Build build) { this.@build = build }

    def getProperty(String name) { this.@build.fullEnvironment()[name] }

    void setProperty(String name, value) { this.@build.environment[name] = value as String }
}
