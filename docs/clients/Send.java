// Sends one event and waits until it is on disk: java Send.java http://127.0.0.1:8080/topics/door 'door opened'   (Java 17 or newer)
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

class Send {
    private static final HttpClient CLIENT =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();

    /** Returns the event's id. What isn't known to be stored is sent again: a consumer may see it twice, but never not at all. */
    static String send(String url, String event) throws InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/octet-stream")
            .POST(HttpRequest.BodyPublishers.ofString(event))
            .build();
        while (true) {
            long pauseSeconds = 1;
            try {
                HttpResponse<String> answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() == 200)
                    return answer.headers().firstValue("Penstock-Last-Event-Id").orElseThrow();
                if (answer.statusCode() != 503) // the request itself is wrong
                    throw new IllegalArgumentException(answer.statusCode() + ": " + answer.body());
                pauseSeconds = answer.headers().firstValueAsLong("Retry-After").orElse(1);
            } catch (IOException noConnectionOrNoAnswer) {
                // again
            }
            Thread.sleep(pauseSeconds * 1000);
        }
    }

    public static void main(String[] args) throws InterruptedException {
        try {
            System.out.println(send(args[0], args[1]));
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.exit(1);
        }
    }
}
