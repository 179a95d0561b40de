package netpol

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

type admitFunc func(key string, uid types.UID, address string) error

// openGate listens for the network plugin, which holds every new pod back until
// the answer is "ok". The question is one line, `NAMESPACE/NAME UID ADDRESS`.
func openGate(path string, admit admitFunc, log *log.Logger) (net.Listener, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(connection, admit, log)
		}
	}()
	return listener, nil
}

func answer(connection net.Conn, admit admitFunc, log *log.Logger) {
	defer connection.Close()
	line, _ := bufio.NewReader(connection).ReadString('\n')
	words := strings.Fields(line)
	if len(words) != 3 {
		fmt.Fprintf(connection, "%q is not a question\n", line)
		return
	}
	if err := admit(words[0], types.UID(words[1]), words[2]); err != nil {
		log.Printf("%s stays held back: %v", words[0], err)
		fmt.Fprintln(connection, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Fprintln(connection, "ok")
}
