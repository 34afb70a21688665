// Package costmeter is the room for Weir's metering: usage read from answers as
// they pass, the price book, money, the ledger, budgets, reports and advice.
//
// This version of Weir meters nothing. The package is empty but for this text;
// configuration that asks for budgets, prices or a ledger is refused and not
// ignored.
//
// What will live here knows nothing of HTTP servers, of configuration files, of
// the scheduler or of caches: package gateway composes them. It reads the body of
// an answer beside the stream (gateway/relay.go), and its row is written where
// every exchange ends (gateway/settle.go).
package costmeter
