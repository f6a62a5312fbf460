// backoff.js says how long to wait before coming back.

// Backoff grows from 0.5 to 20 seconds and is drawn at random below that ("full jitter"), so that the clients of a
// server that restarts do not all return at the same moment.
export class Backoff {
  #attempt = 0;

  // next returns the next wait in milliseconds.
  next() {
    const ceiling = Math.min(20_000, 500 * 2 ** this.#attempt);
    this.#attempt++;
    return 100 + Math.random() * (ceiling - 100);
  }

  // reset starts over, after a success.
  reset() {
    this.#attempt = 0;
  }
}
