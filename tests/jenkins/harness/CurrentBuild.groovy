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

    List getBuildCauses(String kind) {
        build.byHand && kind == 'hudson.model.Cause$UserIdCause' ? [[_class: kind, userId: 'admin']] : []
    }

    String getDescription() { build.description }

    void setDescription(String text) { build.description = text }
}
