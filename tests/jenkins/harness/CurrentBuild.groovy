/** `currentBuild`: the fields that pipelines here use. */
class CurrentBuild {
    private final Build build

    CurrentBuild(Build build) { this.build = build }

    String getResult() { build.result }

    void setResult(String other) {
        build.worsen(other)
        build.worsenStage(other)
    }

    String getCurrentResult() { build.currentResult }

    int getNumber() { build.number }

    String getDescription() { build.description }

    void setDescription(String text) { build.description = text }
}
