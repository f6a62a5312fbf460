// Package hub is what one node of Parley holds: sessions, what they are subscribed to, what waits for them, and who may do
// what. Dialects connect clients to it; a broker carries what nodes share.
//
//	h, err := hub.New(hub.Options{Topics: []hub.Topic{{Pattern: "chat/**", History: broker.Retention{Count: 100}}}})
//	if err != nil {
//		return err
//	}
//	defer h.Close()
//	at, err := h.Publish(ctx, &broker.Message{Topic: "chat/lobby", Kind: broker.Text, Body: []byte("hello")})
//
// What holds for every session: the messages of a topic come in the order of its log, each once, and where some are missing a
// notice stands in their place. A dialect that has no words for such a notice loses the connection instead, in a way that makes
// the client come back and resume.
//
// The package knows no wire format and no socket: a dialect gives it a Codec, which encodes what is delivered once for all sessions
// that speak alike, and a Sink, which takes what was encoded.
package hub
