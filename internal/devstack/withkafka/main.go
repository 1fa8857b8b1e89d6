// Command withkafka starts Apache Kafka, runs a command with its brokers in
// LETHE_TEST_KAFKA_BROKERS and LETHE_KAFKA_BROKERS, stops Kafka, and ends as
// the command did:
//
//	go run ./internal/devstack/withkafka go test ./lineage/...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/flowmart/lethe/internal/devstack"
)

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withkafka command [argument …]")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	kafka, err := devstack.StartKafka(ctx, devstack.KafkaOptions{Apache: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	defer kafka.Stop()
	brokers := strings.Join(kafka.Brokers(), ",")
	fmt.Fprintf(os.Stderr, "%s at %s after %.1f s\n", kafka.Kind(), brokers, time.Since(began).Seconds())

	cmd := exec.CommandContext(ctx, os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "LETHE_TEST_KAFKA_BROKERS="+brokers, "LETHE_KAFKA_BROKERS="+brokers)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}
