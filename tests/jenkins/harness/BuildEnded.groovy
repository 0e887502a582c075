/** Ends a build with a result, as `error`, a failed `sh` or an interruption does. */
class BuildEnded extends RuntimeException {
    final String result

    BuildEnded(String message, String result = 'FAILURE') {
        super(message)
        this.result = result
    }
}
