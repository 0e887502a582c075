/** What Jenkins would never let pass: a step, section, option or field that is unknown, or a build that waits for ever. */
class HarnessError extends Error {
    HarnessError(String message) { super(message) }
}
