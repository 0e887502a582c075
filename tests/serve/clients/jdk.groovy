import groovy.transform.CompileStatic

import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse

/** The JDK's own HTTP client as it is by default: it offers HTTP/2 by an upgrade with the first request of a connection. */
@CompileStatic
class Jdk {

    /** Arguments: the server's address, a key, and pairs of a path and the file to post to it. Prints an answer a line. */
    static void main(String[] arguments) {
        HttpClient client = HttpClient.newHttpClient()
        for (int at = 2; at < arguments.length; at += 2) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + arguments[at]))
                .header('Content-Type', 'application/json')
                .header('Authorization', 'Bearer ' + arguments[1])
                .POST(HttpRequest.BodyPublishers.ofFile(new File(arguments[at + 1]).toPath()))
                .build()
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString())
            println(answer.statusCode() + ' ' + answer.body())
        }
    }

}
