// Go's net/http. Arguments: the server's address, a key, and pairs of a path and the file to post to it. Prints an answer
// a line.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	url, key, calls := os.Args[1], os.Args[2], os.Args[3:]
	for at := 0; at < len(calls); at += 2 {
		if err := post(url+calls[at], key, calls[at+1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func post(url, key, path string) error {
	body, err := os.Open(path)
	if err != nil {
		return err
	}
	// Of unknown length to net/http, so it is sent in chunks.
	request, err := http.NewRequest("POST", url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+key)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	fmt.Println(answer.StatusCode, string(text))
	return nil
}
