// The rate at which an API server takes PATCHes when nothing else is done: the limit that a client is measured by.
// Standard input has a line for each: its path, a blank, the body. Prints the seconds that all took, and the statuses.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func client(dir string) *http.Client {
	ca, err := os.ReadFile(dir + "/ca.crt")
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	cert, err := tls.LoadX509KeyPair(dir+"/client.crt", dir+"/client.key")
	if err != nil {
		panic(err)
	}
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}}}
}

func main() {
	dir := flag.String("dir", "", "folder of ca.crt, client.crt, client.key")
	server := flag.String("server", "", "https://...")
	workers := flag.Int("workers", 32, "requests at a time")
	connections := flag.Int("connections", 4, "they go over")
	flag.Parse()
	var lines []string
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	clients := make([]*http.Client, *connections)
	for i := range clients {
		clients[i] = client(*dir)
	}
	work, statuses := make(chan string), make(chan int, len(lines))
	var all sync.WaitGroup
	begin := time.Now()
	for w := 0; w < *workers; w++ {
		all.Add(1)
		go func(c *http.Client) {
			defer all.Done()
			for line := range work {
				path, body, _ := strings.Cut(line, " ")
				r, _ := http.NewRequest("PATCH", *server+path, strings.NewReader(body))
				r.Header.Set("Content-Type", "application/apply-patch+yaml")
				answer, err := c.Do(r)
				if err != nil {
					panic(err)
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				statuses <- answer.StatusCode
			}
		}(clients[w%*connections])
	}
	for _, line := range lines {
		work <- line
	}
	close(work)
	all.Wait()
	took := time.Since(begin)
	close(statuses)
	counts := map[int]int{}
	for s := range statuses {
		counts[s]++
	}
	fmt.Println(took.Seconds(), counts)
}
