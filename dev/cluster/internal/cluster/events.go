package cluster

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"syscall"
)

// event is what a process that brings a cluster up tells the one that started
// it, as one line of JSON.
type event struct {
	Step    string `json:"step,omitempty"`    // something is done
	Network bool   `json:"network,omitempty"` // the node's addresses exist
	Ready   bool   `json:"ready,omitempty"`
	Failed  string `json:"failed,omitempty"`
}

// events writes to whoever listens. That nobody does any more is not an error:
// the listener leaves when the cluster is ready.
type events struct{ encoder *json.Encoder }

func newEvents(w io.Writer) *events { return &events{json.NewEncoder(w)} }
func (e *events) send(what event)   { _ = e.encoder.Encode(what) }
func (e *events) step(what string)  { e.send(event{Step: what}) }
func (e *events) fail(err error)    { e.send(event{Failed: err.Error()}) }

// receive hands events to a function until it returns false or the sender is gone.
func receive(r io.Reader, handle func(event) (more bool)) error {
	decoder := json.NewDecoder(r)
	for {
		var what event
		if err := decoder.Decode(&what); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if !handle(what) {
			return nil
		}
	}
}

// starterFD is where a process finds the line to the one that started it.
const starterFD = 3

// lineToStarter returns this process' end of the line, and keeps the processes it
// starts from holding it open, too.
func lineToStarter() *os.File {
	syscall.CloseOnExec(starterFD)
	return os.NewFile(starterFD, "starter")
}
