package devstack

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kafkaVersion is the version that apachekafka/pom.xml pins.
const kafkaVersion = "4.2.0"

// apacheKafka is the pinned list of artifacts and the configuration of the
// broker's log.
//
//go:embed apachekafka/pom.xml apachekafka/log4j2.properties
var apacheKafka embed.FS

func startApache(ctx context.Context, dir string) (*Kafka, error) {
	k := &Kafka{dir: dir, keep: dir != ""}
	var err error
	if !k.keep {
		removeAbandoned()
		if k.dir, err = makeTemp(account{}); err != nil {
			return k, err
		}
	} else if k.dir, err = filepath.Abs(dir); err != nil {
		return k, err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return k, err
	}
	lock, err := lockDir(k.dir)
	if err != nil {
		return k, fmt.Errorf("%s: %w", k.dir, err)
	}
	k.lock = lock
	if err := k.configure(); err != nil {
		return k, err
	}
	return k, k.launch(ctx)
}

// configure writes the broker's configuration, once for each directory: the
// port is part of it, and clients come back to it.
func (k *Kafka) configure() error {
	path, address := filepath.Join(k.dir, "server.properties"), filepath.Join(k.dir, "address")
	if known, err := os.ReadFile(address); err == nil {
		k.brokers = []string{string(known)}
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	controller, err := freePort()
	if err != nil {
		return err
	}
	broker := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	k.brokers = []string{broker}
	conf := strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		fmt.Sprintf("controller.quorum.voters=1@127.0.0.1:%d", controller),
		fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", broker, controller),
		"advertised.listeners=PLAINTEXT://" + broker,
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER",
		"log.dirs=" + filepath.Join(k.dir, "topics"),
		"num.partitions=3",
		"offsets.topic.replication.factor=1",
		"offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"share.coordinator.state.topic.num.partitions=2",
		// A test does not wait for consumers that may still join.
		"group.initial.rebalance.delay.ms=0",
		// A broker that comes back waits until its earlier self is given up.
		"broker.session.timeout.ms=2000",
		"broker.heartbeat.interval.ms=500",
		// Compaction and retention are looked at often enough to be seen.
		"log.cleaner.backoff.ms=500",
		"log.retention.check.interval.ms=1000",
	}, "\n")
	if err := os.WriteFile(path, []byte(conf+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(address, []byte(broker), 0o600)
}

func (k *Kafka) launch(ctx context.Context) error {
	classpath, err := installKafka(ctx)
	if err != nil {
		return err
	}
	java, err := findJava(ctx)
	if err != nil {
		return err
	}
	conf := filepath.Join(k.dir, "server.properties")
	if _, err := os.Stat(filepath.Join(k.dir, "topics", "meta.properties")); err != nil {
		format := exec.CommandContext(ctx, java, "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", "TGV0aGUgZGV2c3RhY2sgMQ", "-c", conf)
		if out, err := format.CombinedOutput(); err != nil {
			return fmt.Errorf("formatting its directory: %w\n%s", err, tail(out, 2000))
		}
	}
	log, err := os.OpenFile(filepath.Join(k.dir, "kafka.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(java, "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile="+filepath.Join(filepath.Dir(strings.TrimSuffix(classpath, "/*")), "log4j2.properties"),
		"-cp", classpath, "kafka.Kafka", conf)
	cmd.Dir, cmd.Stdout, cmd.Stderr = k.dir, log, log
	if k.broker, err = startChild(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	return k.waitReady(ctx, 90*time.Second)
}

// findJava returns a Java that Kafka 4 runs on.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil || digits(string(out)) < 17 {
		return "", errors.New("Apache Kafka needs Java 17 or newer: install openjdk-17-jre-headless, or name Kafka brokers instead")
	}
	return java, nil
}

// installKafka resolves the pinned artifacts with Maven into the user's cache,
// once, and returns the class path.
func installKafka(ctx context.Context) (string, error) {
	dir, err := cacheDir(account{}, "kafka-"+kafkaVersion)
	if err != nil {
		return "", err
	}
	lock, err := waitLock(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	classpath, done := filepath.Join(dir, "libs", "*"), filepath.Join(dir, "installed")
	for _, name := range []string{"pom.xml", "log4j2.properties"} {
		text, err := apacheKafka.ReadFile("apachekafka/" + name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(done); err == nil {
		return classpath, nil
	}
	// -C: an artifact whose checksum does not fit is refused.
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-C", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs")
	mvn.Dir = dir
	if out, err := mvn.CombinedOutput(); err != nil {
		return "", fmt.Errorf("Maven could not resolve Apache Kafka %s: %w\n%s", kafkaVersion, err, tail(out, 2000))
	}
	return classpath, os.WriteFile(done, nil, 0o644)
}
