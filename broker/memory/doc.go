// Package memory is the broker of a single process: the logs of the topics, who is present and what the nodes subscribed to lie in its
// memory, and are gone when it ends. Every node that is attached to one Broker sees the same.
//
//	b := memory.New(memory.Options{})
//	defer b.Close()
//	node, err := b.Attach(ctx, "node-1", receiver)
//
// Messages of different topics do not wait for each other. Who publishes to a topic also delivers what is pending there, unless
// somebody does so already; a burst goes on in a goroutine. What is kept for a time only is dropped by one timer, which
// runs only while there is something to drop.
//
// What is kept is bounded, of all topics together: beyond Options.MaxBytes the oldest messages go, and beyond Options.MaxTopics nobody makes another
// topic. To ask for a topic that is not there does not make it.
//
// It knows no sessions and no sockets, and does not look into what is published.
package memory
