// FlowMart's services, one a process: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/examples/flowmart/rights"
	"github.com/flowmart/lethe/examples/flowmart/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "flowmart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || !slices.Contains(shop.Names(), args[0]) {
		return fmt.Errorf("usage: flowmart <service> [--listen 127.0.0.1:0] [--keys DIR]; services: %s", strings.Join(shop.Names(), ", "))
	}
	name := args[0]
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "where to serve the rights protocol and /healthz")
	keyDir := flags.String("keys", os.Getenv("FLOWMART_KEYS"), "directory of the service's own keys, made at the first start")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("service", name)
	part, set, err := settings(name, *keyDir)
	if err != nil {
		return err
	}
	part.Log = log
	db, err := connect(ctx, log)
	if err != nil {
		return err
	}
	defer db.Close()
	part.DB = db
	service, err := shop.New(ctx, name, set, part)
	if err != nil {
		return err
	}
	if err := service.Begin(ctx); err != nil {
		return err
	}
	if err := part.Start(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	part.Mount(mux)
	mux.HandleFunc("GET /healthz", service.Health)
	return serve(ctx, *listen, mux, service)
}

func settings(name, keyDir string) (*rights.Service, shop.Settings, error) {
	var wrong []error
	number := func(env string, standard int) int {
		text := os.Getenv(env)
		n, err := strconv.Atoi(text)
		if text == "" {
			return standard
		}
		if err != nil || n < 0 || n > 50_000 {
			wrong = append(wrong, fmt.Errorf("%s: a number from 0 to 50000 belongs here", env))
		}
		return n
	}
	set := shop.Settings{
		RegistryURL: os.Getenv("FLOWMART_REGISTRY_URL"), RegistryToken: os.Getenv("FLOWMART_REGISTRY_TOKEN"),
		Customers: number("FLOWMART_CUSTOMERS", 200), Seed: uint64(number("FLOWMART_SEED", 1)),
	}
	if brokers := os.Getenv("FLOWMART_KAFKA_BROKERS"); brokers != "" {
		set.Brokers = strings.Split(brokers, ",")
		if set.RegistryURL == "" {
			wrong = append(wrong, errors.New("FLOWMART_REGISTRY_URL: events need a schema registry"))
		}
	}
	part := &rights.Service{Break: broken(), Lethe: &rights.Lethe{
		URL: strings.TrimRight(os.Getenv("FLOWMART_LETHE_URL"), "/"), Pin: os.Getenv("FLOWMART_LETHE_KEY")}}
	if part.Break != "" && !slices.Contains(rights.Breaks, part.Break) {
		wrong = append(wrong, fmt.Errorf("FLOWMART_BREAK: one of %v belongs here", rights.Breaks))
	}
	if part.Lethe.URL == "" {
		wrong = append(wrong, errors.New("FLOWMART_LETHE_URL: say who may send task requests"))
	}
	if think := os.Getenv("FLOWMART_THINK"); think != "" {
		d, err := time.ParseDuration(think)
		if err != nil || d < 0 {
			wrong = append(wrong, errors.New("FLOWMART_THINK: a duration such as 300ms belongs here"))
		}
		part.Think = d
	}
	if keyDir == "" {
		wrong = append(wrong, errors.New("--keys or FLOWMART_KEYS: say where the service's keys are"))
	} else if keys, err := rights.LoadKeys(keyDir, name); err != nil {
		wrong = append(wrong, fmt.Errorf("keys: %w", err))
	} else {
		part.Keys = keys
	}
	return part, set, errors.Join(wrong...)
}

// broken tells in which way the service shall be wrong. BREAK is what `make
// demo` is called with; make hands it to every program, and it may mean one of
// the others.
func broken() rights.Break {
	if way, ok := os.LookupEnv("FLOWMART_BREAK"); ok {
		return rights.Break(way)
	}
	if way := rights.Break(os.Getenv("BREAK")); slices.Contains(rights.Breaks, way) {
		return way
	}
	return ""
}

// connect waits up to half a minute for the database.
func connect(ctx context.Context, log *slog.Logger) (*pgxpool.Pool, error) {
	url := os.Getenv("FLOWMART_DATABASE_URL")
	if url == "" {
		return nil, errors.New("FLOWMART_DATABASE_URL: say where the service's database is")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("FLOWMART_DATABASE_URL is not a PostgreSQL URL")
	}
	config.MaxConns = 8
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	until, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	again := time.NewTicker(300 * time.Millisecond)
	defer again.Stop()
	for {
		if err = db.Ping(until); err == nil {
			return db, nil
		}
		select {
		case <-until.Done():
			db.Close()
			return nil, fmt.Errorf("the database does not answer: %w", err)
		case <-again.C:
			log.Info("waiting for the database")
		}
	}
}

func serve(ctx context.Context, listen string, mux http.Handler, service *shop.Shop) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 20 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(l) }()
	go func() { failed <- service.Run(ctx) }()
	fmt.Println("listening", l.Addr())
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(last))
}
