/** A null of JSON as Jenkins's readJSON returns it by default: an object of its own, which Groovy takes for true. */
class JsonNull {

    static final JsonNull INSTANCE = new JsonNull()

    private JsonNull() { }

    String toString() {
        return 'null'
    }

}
