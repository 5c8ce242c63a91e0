/** How long a client may take to send a request. */

/** The settings of Node's HTTP server that limit how long a request may take to arrive. Milliseconds. */
export interface ReceiveTimes {
  /** From the start of the connection, or the end of the request before, to the end of the header section. */
  readonly headersTimeout: number;
  /**
   * From the same moment to the end of the body. At least `headersTimeout`, because Node would swap the two otherwise.
   */
  readonly requestTimeout: number;
  /** How often Node looks for late requests. A request can be this much later than its limit before Node ends it. */
  readonly connectionsCheckingInterval: number;
}

/** A request that stops arriving is answered with 408 within 20 s, and its connection is closed. */
export const receiveTimes: ReceiveTimes = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5_000,
};
