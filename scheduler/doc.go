// Package scheduler decides who goes next in front of an upstream with a
// limited number of seats.
package scheduler
