// Package signin tests that people and machines sign in with an OpenID provider
// that is not ours: oidc-provider, which the OpenID Foundation has certified.
// Node runs it; npm installs it once, from the lock file beside this one, into
// the user's cache.
package signin
