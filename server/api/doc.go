// Package api is the HTTP API for the application behind a Parley: it publishes, asks what was published and who is there, and
// directs sessions. It lies under /api/v1, takes and gives JSON, and is described by an OpenAPI document that it serves itself.
//
//	a, err := api.New(h, api.Options{Keys: []api.Key{{Name: "shop", Secret: secret, Scopes: []api.Scope{api.Publish}}}})
//	if err != nil {
//		return err
//	}
//	mux.Handle(api.Prefix+"/", a)
//
// Then
//
//	curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
//		-d '{"topic":"news","text":"hello"}' http://localhost:8080/api/v1/publish
//
// What it does it does on the application's behalf: nobody but the key is asked whether it may. It is for servers, not for
// pages: there is no CORS, and a body must say that it is JSON, which no form of another site can.
//
// The package knows the hub, and no session's dialect.
package api
