// SPDX-License-Identifier: Apache-2.0

// hello-go: a command in ordinary Go (a WASI p1 core module). Without a verb it greets; `exit N`
// ends with that code, `panic` panics (2), `cat FILE` prints a file, `sum N` has N goroutines add up.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

func sum(n int) int {
	var lock sync.Mutex
	var all sync.WaitGroup
	total := 0

	for i := 1; i <= n; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			lock.Lock()
			defer lock.Unlock()
			total += i
		}()
	}
	all.Wait()
	return total
}

func run(verb string, word string) int {
	number, _ := strconv.Atoi(word)

	switch verb {
	case "exit":
		return number
	case "panic":
		panic("as asked")
	case "sum":
		fmt.Println(sum(number))
	case "cat":
		bytes, err := os.ReadFile(word)
		if err != nil {
			fmt.Fprintln(os.Stderr, "hello:", err)
			return 1
		}
		os.Stdout.Write(bytes)
	default:
		fmt.Println("Hello from Go:", strings.Join(os.Args[1:], " "))
	}
	return 0
}

func main() {
	words := append(os.Args[1:], "", "")
	os.Exit(run(words[0], words[1]))
}
