// Package hook asks an application over HTTP who may do what, and lets it answer calls.
//
//	client, err := hook.New(hook.Options{Secret: secret})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	asks, err := client.Authoriser(hook.Questions{Connect: "https://app.example/parley", Subscribe: "https://app.example/parley"})
//	if err != nil {
//		return err
//	}
//	h, err := hub.New(hub.Options{Authoriser: asks})
//	if err != nil {
//		return err
//	}
//	weather, err := client.Call("https://app.example/weather")
//	if err != nil {
//		return err
//	}
//	h.Handle("weather", weather)
//
// # Questions
//
// A question is a POST with a JSON object. The same question keeps its Parley-Id when it is sent again.
//
//	POST /parley
//	Content-Type: application/json
//	Parley-Event: subscribe
//	Parley-Id: 4XNV3KPM6O5XAG2CQ7JZQF4D3A
//	Parley-Timestamp: 1764000000
//	Parley-Signature: v1=HEX
//
//	{"id": "4XNV…", "event": "subscribe", "session": "…", "user": "ann", "claims": {…},
//	 "dialect": "native", "transport": "websocket", "name": "app", "remote": "192.0.2.1", "topic": "chat/lobby"}
//
// The signature is the HMAC-SHA-256 of the timestamp (seconds since 1970), a dot and the body, with Options.Secret. Verify checks it. Members
// that are empty are left out. The events, and what they have beyond session, user, claims, dialect, transport, name and remote:
//
//   - connect: token, if nobody but the application checks it; data, what the client sent along; version, of the client; no session, for there is none yet
//   - refresh: as connect, with old, an object with the user and claims of before
//   - subscribe, presence: one of topic (a name), pattern (a/* or a/**) and prefix (what names begin with). To read history is asked as subscribe.
//   - publish: topic and message, an object with kind (json, text or bytes), body (JSON, a text, or base64), event, type, id, key and headers
//   - may_call, whether a method may be called: method
//   - call, to be answered by its result, see below: method and args
//
// # Answers
//
// An answer has the status 200 and is a JSON object:
//
//	{"allow": true, "cache": 60}
//	{"allow": false, "code": "forbidden", "text": "This room is full.", "retry": 30}
//
// allow is a must. code is one of the hub's, forbidden if it is left out; text is shown to the client; retry is when it helps to ask again,
// in seconds. cache is for how many seconds the answer holds for the same event and topic (or method), for all who have the same user and claims, or for this
// session if it has no user; there is none for connect and refresh. An answer to publish should say it only where
// it does not depend on the message.
//
// An answer to connect or refresh may say more of the client, in the place of what a token has said: user, claims (any JSON), expires
// (seconds since 1970), subscribe, publish, presence, call and subscriptions (lists of patterns; in call, "name*" is all methods that begin with name),
// producer, rate, burst, data (any JSON, for the client). An answer to publish may have body: the message is then published with that body, of the
// same kind as before.
//
// The status 401 or 403 denies without a body. 429 and those from 500 on, and connections that fail, are tried again a few times; in the
// end the client is told that it cannot be decided now: nothing is ever allowed because the application could not be asked. Anything
// else is an error of the application, for the log. Redirections are not followed.
//
// # Calls
//
// What Client.Call is for is asked with the event call. The answer has the status 200 and one of
//
//	{"result": …}
//	{"error": {"code": "not_found", "text": "There is no such city.", "retry": 0}}
//
// or, with the Content-Type application/x-ndjson, a stream of lines: any number of {"item": …}, each sent to the caller at once, and
// at last one of the above. Empty lines keep the connection alive. A stream that ends without is an error. 204 is the result null. A call is sent
// again only if the application has certainly not begun with it: when it could not be reached, or answered 429 or 503.
//
// The package knows no wire format of a client, and trusts the application: what it answers is not checked against what a token says. Where the
// network between them is not trusted, use https: the signature covers questions only.
package hook
