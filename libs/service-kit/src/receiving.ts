/** How long a client may take to send a request. */

/** The times of Node's HTTP server that bound the sending of a request; ms. */
export interface ReceiveTimes {
  /** From the connection, or the end of the request before, to the end of the header section. */
  readonly headersTimeout: number;
  /** The same, to the end of the body. At least `headersTimeout`: Node swaps the two otherwise. */
  readonly requestTimeout: number;
  /** How often Node looks for requests that are too late. One is ended at most this much after its time. */
  readonly connectionsCheckingInterval: number;
}

/** A request that stalls is answered with 408 and its connection closed within 20 s, wherever it stalls. */
export const receiveTimes: ReceiveTimes = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
};
