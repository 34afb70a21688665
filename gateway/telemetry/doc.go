// Package telemetry is what Weir says about itself: Prometheus metrics, the
// access log and the application's logger. It knows no HTTP messages; it is told
// numbers and bytes.
//
// # Metrics
//
// A [Telemetry] owns a registry of its own. Two things feed it.
//
// Requests push. When a configuration is compiled, [Telemetry.Route] resolves
// one [Series] for every pair of route and class; when a request has ended,
// [Series.Observe] counts it. Everything that depends on labels was looked up
// before, the child of a status code at its first use, so an observation is a
// row of atomic additions and allocates nothing.
//
// State is pulled. Queue lengths, seats, breakers, connections and the like are
// read by one collector while a scrape runs, from the snapshot functions in
// [Deps]. They cost nothing between scrapes and cannot disagree with the queue.
//
// # Which labels, and why
//
// Metrics of what a client sees carry route, class and code: the exact status,
// 499 when the client left first. Metrics of waiting and of upstreams carry
// upstream and class, since routes share a queue when they share an upstream.
// weir_upstream_duration_seconds carries code as well: it is the status that
// became of the call, the upstream's own if there was one, else 502 or 504.
// weir_time_to_first_byte_seconds and weir_queue_wait_seconds carry no code: the
// first byte and the seat come before the status means anything.
//
// Names come from configuration, but codes and reasons do not, and a
// configuration may be reloaded any number of times. So no label ever takes more
// than 200 values (Config.LabelLimit); what comes later is counted as "other".
// Tenants and users are never labels.
//
// # The 95th percentile
//
// Autoscalers without a Prometheus read a percentile directly, so Weir computes
// it: over the last 60 seconds, by a ring of 13 slots of 5 seconds with one
// counter per bucket. A read covers the running slot and the twelve before it,
// which is between 60 and 65 seconds. Buckets are log-linear, ten to an octave
// from 61 µs to 68 minutes; the value reported is at most 5 % away from the
// exact nearest-rank percentile, below 61 µs at most 61 µs, and on the right
// side of one second always. A window takes 13.7 KB and exists from its first observation on: one per route and class
// (request duration) and two per upstream and class (queue wait, and the latency
// that Weir answers for).
//
// Requests that were refused at once count in no percentile. Under overload
// there may be many, each of microseconds, and they would hide the ones that
// suffer. A request refused after it had waited counts.
//
// # What autoscalers read
//
// The latency that Weir answers for is the duration of a request without the
// time of the upstream calls, or with it for a series marked by
// [Series.SetScaleOnLatency]. Its P95 over the last minute decides:
//
//	weir_latency_overload_ratio = P95 / 1 s   when P95 > 1 s, else 0
//	weir_scale_pressure         = 1           when 20 <= queue length <= 200
//	                              queue/100   otherwise
//	                              and at least P95 / 0.5 s when P95 > 1 s
//
// 1 asks an autoscaler to hold, 2 for twice the replicas. weir_queue_length,
// both ratios and nothing else come without labels, because KEDA and small
// adapters read a single sample per pod.
//
// # The access log
//
// An [AccessLog] writes one JSON object a line; [Record] lists the fields in
// their order, which is part of the interface. Lines are encoded by hand into a
// pooled buffer and appended to a chunk in memory; a goroutine writes the chunks,
// at least every second. The request path never waits for it. When a disk or a
// pipe is slower than the traffic and all chunks are full, lines are dropped and
// counted in weir_access_log_dropped_total.
package telemetry
