//! `#[derive(Module)]` for [kiln](https://docs.rs/kiln): documented there, at `kiln::nn::Module`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Data, DeriveInput, Field, Fields, Index, Member, Result, parse_macro_input, parse_quote};

/// Implements `Module` by visiting every field, under its name. `#[module(skip)]` leaves a field out.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(parse_macro_input!(input)).unwrap_or_else(|error| error.into_compile_error()).into()
}

fn expand(mut input: DeriveInput) -> Result<TokenStream> {
    let mut types = Vec::new();
    let body = match &input.data {
        Data::Struct(data) => {
            let visits = kept(&data.fields, &mut types)?
                .into_iter()
                .map(|(member, name)| quote!(visit.field(#name, &self.#member);));
            quote!(#(#visits)*)
        }
        Data::Enum(data) if data.variants.is_empty() => quote!(match *self {}),
        Data::Enum(data) => {
            let mut arms = Vec::new();
            for variant in &data.variants {
                let fields = kept(&variant.fields, &mut types)?;
                let names: Vec<_> = (0..fields.len()).map(|i| format_ident!("field{i}")).collect();
                let (members, labels): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                let ident = &variant.ident;
                arms.push(quote!(Self::#ident { #(#members: #names,)* .. } => { #(visit.field(#labels, #names);)* }));
            }
            quote!(match self { #(#arms)* })
        }
        Data::Union(_) => return Err(syn::Error::new_spanned(&input.ident, "a union cannot be a module")),
    };
    // A concrete field that is no module gives a better message at the field than in a bound.
    if input.generics.type_params().next().is_some() {
        let bounds = input.generics.make_where_clause();
        bounds
            .predicates
            .extend(types.iter().map(|ty| -> syn::WherePredicate { parse_quote!(#ty: ::kiln::nn::Module) }));
    }
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::kiln::nn::Module for #ident #arguments #bounds {
            fn visit(&self, visit: &mut ::kiln::nn::Visit<'_>) {
                #body
                let _ = visit;
            }
        }
    })
}

/// The fields that are visited: how to reach them, and their names. Adds their types to `types`.
fn kept(fields: &Fields, types: &mut Vec<TokenStream>) -> Result<Vec<(Member, String)>> {
    let mut out = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        if is_skipped(field)? {
            continue;
        }
        types.push(field.ty.to_token_stream());
        out.push(match &field.ident {
            Some(ident) => (Member::Named(ident.clone()), ident.to_string().trim_start_matches("r#").to_owned()),
            None => (Member::Unnamed(Index::from(i)), i.to_string()),
        });
    }
    Ok(out)
}

fn is_skipped(field: &Field) -> Result<bool> {
    let mut skip = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            skip |= meta.path.is_ident("skip");
            if skip { Ok(()) } else { Err(meta.error("expected `skip`")) }
        })?;
    }
    Ok(skip)
}
