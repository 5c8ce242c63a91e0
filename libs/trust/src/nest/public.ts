import { SetMetadata } from '@nestjs/common';

/** Metadata key under which {@link Public} marks a route. */
export const PUBLIC_ROUTE = Symbol('public-route');

/**
 * Opens a route (or a whole controller) to callers without a token. Every route that does not carry it is
 * closed: the guard is global.
 */
export const Public = () => SetMetadata(PUBLIC_ROUTE, true);
