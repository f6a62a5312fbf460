// Package broker says what the nodes of a Parley share: the log of each topic, who is present, and commands for
// sessions elsewhere. It has the types and the interface; broker/memory is a broker for one node, and
// broker/brokertest is the suite that every broker has to pass.
//
//	b := memory.New(memory.Options{})
//	node, err := b.Attach(ctx, "node-1", receiver)
//	if err != nil {
//		return err
//	}
//	defer node.Close()
//	if err := node.Subscribe(ctx, broker.Exact("news")); err != nil {
//		return err
//	}
//	at, err := node.Publish(ctx, &broker.Message{Topic: "news", Kind: broker.Text, Body: []byte("hello")}, broker.Publish{})
//
// It knows no sessions, no wire format and no socket: those are the hub's and the dialects'.
package broker
