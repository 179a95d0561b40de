package cluster
import ("context";"errors";"kulisse.dev/dev/cluster/internal/oci")
var e = errors.New("node mode is not there yet")
func (s *supervisor) bringUpNode(context.Context) error { return e }
func prepareNode(string, func(string)) error { return e }
func Init() error { return e }
func RunNode() error { return e }
func Exec(Directory, []string) error { return e }
func ImageStore(string) (oci.Store, error) { return "", e }
