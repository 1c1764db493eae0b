//! What is written in the sources: methods that can be called, and tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{ImplItem, Item, TraitItem, Type, Visibility};

/// The names below which a crate's public functions can be called: `Type::method`, `Trait::method`,
/// `function`, `macro!`.
pub fn callable(src: &Path) -> Result<BTreeSet<String>, String> {
    let mut names = BTreeSet::new();
    for file in sources(src)? {
        collect(parse(&file)?.items, &mut names);
    }
    Ok(names)
}

/// Whether `proof`, `file: test`, is a test of a file below `tests`.
pub fn is_test(tests: &Path, proof: &str) -> Result<bool, String> {
    let Some((file, test)) = proof.split_once(": ") else { return Ok(false) };
    let file = tests.join(file);
    if !file.is_file() {
        return Ok(false);
    }
    Ok(parse(&file)?.items.iter().any(|item| is_test_named(item, test.trim())))
}

/// A `#[test]`, or the story of an example, which the test of all of them tells.
fn is_test_named(item: &Item, name: &str) -> bool {
    match item {
        Item::Fn(function) if function.sig.ident == name => {
            name == "drive" || function.attrs.iter().any(|attribute| attribute.path().is_ident("test"))
        }
        Item::Mod(module) => {
            module.content.iter().flat_map(|(_, items)| items).any(|item| is_test_named(item, name))
        }
        _ => false,
    }
}

fn collect(items: Vec<Item>, names: &mut BTreeSet<String>) {
    for item in items {
        match item {
            Item::Fn(function) if is_public(&function.vis) => {
                names.insert(function.sig.ident.to_string());
            }
            Item::Impl(block) => {
                let Some(of) = type_name(&block.self_ty) else { continue };
                let is_trait = block.trait_.is_some();
                for item in block.items {
                    if let ImplItem::Fn(method) = item
                        && (is_trait || is_public(&method.vis))
                    {
                        names.insert(format!("{of}::{}", method.sig.ident));
                    }
                }
            }
            Item::Trait(of) if is_public(&of.vis) => {
                for item in of.items {
                    if let TraitItem::Fn(method) = item {
                        names.insert(format!("{}::{}", of.ident, method.sig.ident));
                    }
                }
            }
            Item::Macro(rules) if rules.attrs.iter().any(|a| a.path().is_ident("macro_export")) => {
                names.extend(rules.ident.map(|ident| format!("{ident}!")));
            }
            Item::Mod(module) => collect(module.content.map(|(_, items)| items).unwrap_or_default(), names),
            _ => (),
        }
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

fn parse(file: &Path) -> Result<syn::File, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_module_can_call_counts() {
        let source = "
            impl<'k> Key<'k> { pub fn add(&self) {} fn hidden(&self) {} pub(crate) fn inner() {} }
            impl Drop for Key<'_> { fn drop(&mut self) {} }
            pub trait Native { fn free(&self); }
            pub fn log() {}
            mod tests { #[test] fn adds() {} fn helper() {} }
            #[macro_export] macro_rules! module { () => {} }
            macro_rules! private { () => {} }";
        let items = syn::parse_file(source).unwrap().items;
        assert!(items.iter().any(|item| is_test_named(item, "adds")));
        assert!(!items.iter().any(|item| is_test_named(item, "helper")));
        let mut names = BTreeSet::new();
        collect(items, &mut names);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(names, ["Key::add", "Key::drop", "Native::free", "log", "module!"]);
    }
}
