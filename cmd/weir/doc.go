// Command weir is a gateway in front of LLM providers and HTTP services that
// decides who goes first when capacity is short.
//
// The file run.go holds the whole program as one function of its arguments,
// environment and streams, so that tests run it without a process; main.go gives
// it the real ones. Every command has a file of its own that builds it and says
// what it does:
//
//	serve.go    the gateway, with reload and drain
//	demo.go     gateway, mock upstream and traffic in one process
//	check.go    is this configuration right, and what would a request get
//	init.go     a starter configuration
//	mock.go     the mock upstream alone
//	queue.go    what waits, live, and the operators' controls
//	version.go  which build this is
//
// Exit codes are 0 for done, 1 for failed and 2 for wrong use or an invalid
// configuration.
package main
