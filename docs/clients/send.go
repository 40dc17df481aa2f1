// Sends one event and waits until it is on disk: go run send.go http://127.0.0.1:8080/topics/door 'door opened'
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var client = &http.Client{Timeout: 30 * time.Second}

// send returns the event's id. What isn't known to be stored is sent again: a consumer may see it twice, but never not at all.
func send(url, event string) (string, error) {
	for {
		pause := time.Second
		answer, err := client.Post(url, "application/octet-stream", strings.NewReader(event))
		if err == nil {
			body, _ := io.ReadAll(answer.Body) // read to its end, so that the connection can be used again
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return answer.Header.Get("Penstock-Last-Event-Id"), nil
			}
			if answer.StatusCode != http.StatusServiceUnavailable { // the request itself is wrong
				return "", fmt.Errorf("%s: %s", answer.Status, body)
			}
			if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
				pause = time.Duration(seconds) * time.Second
			}
		}
		time.Sleep(pause)
	}
}

func main() {
	id, err := send(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(id)
}
