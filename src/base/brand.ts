declare const brand: unique symbol;

/** A value of type `T` that can only be made by the functions that own the name `Name`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
