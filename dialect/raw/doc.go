// Package raw is the dialect in which a topic is a URL. A WebSocket at /t/news joins the topic "news": a frame sent is a message
// published, a frame received is the body of a message. At the same URL GET is a stream of server-sent events or a long poll, POST
// publishes, and there are the history and who is present.
//
//	mux := http.NewServeMux()
//	mux.Handle("/t/", raw.New(h, raw.Options{}))
//
// docs/raw.md says it URL by URL. The package translates between that and the hub, and decides nothing: who may do what, and
// what happens to those who are slow, is the hub's. It does not know the other dialects.
package raw
