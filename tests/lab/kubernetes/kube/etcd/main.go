// Command etcd is etcd's server and both its tools for people, in one static binary: it acts by the
// name it is called with.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func utility() {
	cmd := &cobra.Command{Use: "etcdutl", Short: "Administers files of etcd that no server has open."}
	cmd.PersistentFlags().StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "fields, json, protobuf, simple, table")
	cmd.AddCommand(etcdutl.NewBackupCommand(), etcdutl.NewDefragCommand(), etcdutl.NewSnapshotCommand(), etcdutl.NewVersionCommand())
	if err := cmd.Execute(); err != nil {
		os.Exit(1)
	}
}

func main() {
	programs := map[string]func(){
		"etcd":    func() { etcdmain.Main(os.Args) },
		"etcdctl": ctlv3.MustStart,
		"etcdutl": utility,
	}
	name := filepath.Base(os.Args[0])
	run, ok := programs[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "etcd: %s is none of its programs\n", name)
		os.Exit(2)
	}
	run()
}
