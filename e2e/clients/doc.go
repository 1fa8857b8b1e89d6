// Package clients tests the registry with clients of schema registries as they
// are published, told where Lethe is by their own options and by nothing else:
// Confluent's for JavaScript and for Python, kafkajs's, and franz-go's. Node
// and Python 3 run them; npm and pip install them once, from the lock files
// beside this one, into the user's cache. Apicurio Registry, on Java 17, is the
// other registry that is moved from.
package clients
