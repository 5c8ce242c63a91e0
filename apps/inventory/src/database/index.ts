/** The entities of the database, and the migrations that make their tables. */
import { Product } from '../products/product.entity.js';
import { Reservation, ReservationLine } from '../reservations/reservation.entity.js';
import { Products1790000000001 } from './migrations/1-products.js';
import { Reservations1790000000002 } from './migrations/2-reservations.js';

export const entities = [Product, Reservation, ReservationLine];

/** In their order. A released migration never changes. */
export const migrations = [Products1790000000001, Reservations1790000000002];
