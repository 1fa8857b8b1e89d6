package devstack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ProgramOptions is how a program of the stack is started.
type ProgramOptions struct {
	Path  string
	Args  []string
	Env   []string // on top of ours
	Log   string   // file that its output is appended to
	Ready string   // URL that answers 200 once it is ready
}

// Program is a process of the stack that does not outlive us.
type Program struct {
	o     ProgramOptions
	child *child
}

// StartProgram starts a program and waits until it is ready.
func StartProgram(ctx context.Context, o ProgramOptions) (*Program, error) {
	p := &Program{o: o}
	return p, p.Start(ctx)
}

// Start starts the program again after Stop or Kill.
func (p *Program) Start(ctx context.Context) error {
	log, err := os.OpenFile(p.o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.o.Path, p.o.Args...)
	cmd.Env = append(os.Environ(), p.o.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.child, err = startChild(cmd, syscall.SIGTERM); err != nil {
		return err
	}
	return p.await(ctx)
}

// last is the end of the program's log: the file may be gone with the stack.
func (p *Program) last() []byte {
	log, err := os.ReadFile(p.o.Log)
	if err != nil {
		return []byte(err.Error())
	}
	return tail(log, 2000)
}

// await waits for the program to answer.
func (p *Program) await(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second}
	for {
		if resp, err := client.Get(p.o.Ready); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("%s was not ready in time; its log ends with:\n%s", filepath.Base(p.o.Path), p.last())
		case <-p.child.ended:
			return fmt.Errorf("%s ended before it was ready; its log ends with:\n%s", filepath.Base(p.o.Path), p.last())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop asks the program to end, and insists.
func (p *Program) Stop() { p.end(syscall.SIGTERM, 20*time.Second) }

// Kill ends the program as a crash would.
func (p *Program) Kill() { p.end(syscall.SIGKILL, time.Second) }

func (p *Program) end(ask syscall.Signal, patience time.Duration) {
	if p.child != nil { // it was started
		p.child.stop(ask, patience)
	}
}

// Signal sends the program a signal and waits for nothing.
func (p *Program) Signal(s syscall.Signal) error { return p.child.cmd.Process.Signal(s) }

// Pid is the number of the process, while it runs.
func (p *Program) Pid() int { return p.child.cmd.Process.Pid }

// ExitCode is how the program ended, once it has.
func (p *Program) ExitCode() int { return p.child.cmd.ProcessState.ExitCode() }

// Ended is closed when the program has ended.
func (p *Program) Ended() <-chan struct{} { return p.child.ended }
