// Package portal holds the journey of people through the portal: the binary
// that ships, the company of the demo, and a browser that people use.
package portal
