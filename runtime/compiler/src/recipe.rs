// SPDX-License-Identifier: Apache-2.0
//! Recipes: which components are linked, and which import of one is which export of another.
//!
//! Belongs here: reading the one form that runtime/compose/recipe.h describes; any other bytes are
//! refused, so that equal compositions have equal recipes.
//! Does not belong here: whether the components have such imports (compose).

use crate::limits::{EDGES_MAX, NAME_MAX, PARTS_MAX, RECIPE_MAX};
use crate::refusal::{Result, refuse};

const FIRST_LINE: &str = "skep-recipe 1";

/// Bytes of a part's name.
const PART_NAME_MAX: usize = 128;

#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The first is the entry: what it exports is the composition's.
    pub parts: Vec<Part>,
    pub edges: Vec<Edge>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// What a person calls it: the container's name.
    pub name: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Edge {
    pub consumer: usize,
    pub import: String,
    pub provider: usize,
    pub export: String,
}

pub fn read(bytes: &[u8]) -> Result<Recipe> {
    if bytes.len() > RECIPE_MAX {
        refuse!("the recipe is larger than {RECIPE_MAX} bytes");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        refuse!("the recipe is no text");
    };
    let Some(text) = text.strip_suffix('\n') else {
        refuse!("the recipe does not end with a line break");
    };
    let mut recipe = Recipe { parts: Vec::new(), edges: Vec::new() };
    for (index, line) in text.split('\n').enumerate() {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            _ if index == 0 && line == FIRST_LINE => {}
            ["part", digest, name] if index > 0 && recipe.edges.is_empty() => {
                recipe.add_part(digest, name)?
            }
            ["edge", consumer, import, provider, export] if index > 0 => {
                recipe.add_edge([consumer, import, provider, export])?
            }
            _ => refuse!("line {} of the recipe is not understood", index + 1),
        }
    }
    if recipe.parts.is_empty() {
        refuse!("the recipe names no component");
    }
    Ok(recipe)
}

impl Recipe {
    fn add_part(&mut self, digest: &str, name: &str) -> Result<()> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digest.len() != 64 || !digest.bytes().all(hex) {
            refuse!("the recipe has a digest that is none");
        }
        let fits = (1..=PART_NAME_MAX).contains(&name.len());
        if !fits || !name.bytes().all(|b| b.is_ascii_graphic()) {
            refuse!("the recipe has a name that is none");
        }
        if self.parts.len() == PARTS_MAX {
            refuse!("{name} is one component too many: at most {PARTS_MAX} can be linked");
        }
        self.parts.push(Part { digest: digest.to_string(), name: name.to_string() });
        Ok(())
    }

    fn add_edge(&mut self, [consumer, import, provider, export]: [&str; 4]) -> Result<()> {
        let part = |number: &str| -> Option<usize> {
            let index: usize = number.parse().ok()?;
            (index < self.parts.len() && number == index.to_string()).then_some(index)
        };
        let (Some(consumer), Some(provider)) = (part(consumer), part(provider)) else {
            refuse!("the recipe links a component that it does not have");
        };
        if [import, export].iter().any(|name| name.is_empty() || name.len() > NAME_MAX) {
            refuse!("the recipe has the name of an interface that is none");
        }
        let name = &self.parts[consumer].name;
        if consumer == provider {
            refuse!("the recipe links {import} of {name} to itself");
        }
        let place = (consumer, import);
        if self.edges.last().is_some_and(|edge| (edge.consumer, edge.import.as_str()) >= place) {
            refuse!("the recipe links {import} of {name} twice or out of order");
        }
        if self.edges.len() == EDGES_MAX {
            refuse!("the recipe has more than {EDGES_MAX} links");
        }
        let (import, export) = (import.to_string(), export.to_string());
        self.edges.push(Edge { consumer, import, provider, export });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn of(lines: &str) -> Result<Recipe> {
        read(lines.replace('D', DIGEST).as_bytes())
    }

    fn said(lines: &str) -> String {
        of(lines).expect_err(lines).text().to_string()
    }

    const TWO: &str = "skep-recipe 1\npart D app\npart D vault\n";

    #[test]
    fn parts_and_links_are_read() {
        let recipe = of(&format!("{TWO}edge 0 a:b/c@1.0.0 1 a:b/c@1.2.0\n")).unwrap();
        assert_eq!(recipe.parts.len(), 2);
        assert_eq!(recipe.parts[1], Part { digest: DIGEST.into(), name: "vault".into() });
        let edge = Edge {
            consumer: 0,
            import: "a:b/c@1.0.0".into(),
            provider: 1,
            export: "a:b/c@1.2.0".into(),
        };
        assert_eq!(recipe.edges, [edge]);
    }

    #[test]
    fn there_is_one_form() {
        for lines in ["", "\n", "skep-recipe 2\npart D app\n", "part D app\n", "skep-recipe 1\n"] {
            said(lines);
        }
        assert!(said("skep-recipe 1\npart D app").contains("line break"));
        assert!(said("skep-recipe 1\npart  D app\n").contains("line 2"));
        assert!(said("skep-recipe 1\npart D app\n\n").contains("line 3"));
        assert!(said("skep-recipe 1\npart D app\r\n").contains("a name that is none"));
        assert!(said("skep-recipe 1\nskep-recipe 1\npart D a\n").contains("line 2"));
        assert!(said("skep-recipe 1\npart E a\n").contains("digest"));
        assert!(said("skep-recipe 1\npart D \n").contains("name"));
        assert!(said(&format!("{TWO}edge 0 a 1 b\npart D c\n")).contains("line 5"));
        assert!(read(b"\xff\n").is_err());
        assert!(read(&vec![b'\n'; RECIPE_MAX + 1]).unwrap_err().text().contains("larger"));
    }

    #[test]
    fn links_are_in_order_and_within() {
        assert!(said(&format!("{TWO}edge 0 b 1 x\nedge 0 a 1 x\n")).contains("out of order"));
        assert!(said(&format!("{TWO}edge 0 a 1 x\nedge 0 a 1 y\n")).contains("twice"));
        assert!(said(&format!("{TWO}edge 1 a 0 x\nedge 0 a 1 x\n")).contains("out of order"));
        assert!(said(&format!("{TWO}edge 0 a 0 x\n")).contains("to itself"));
        for numbers in ["2 a 0", "0 a 2", "00 a 1", "+0 a 1", "x a 1"] {
            let words: Vec<_> = numbers.split(' ').collect();
            let line = format!("edge {} {} {} x\n", words[0], words[1], words[2]);
            assert!(said(&format!("{TWO}{line}")).contains("does not have"), "{line}");
        }
    }

    #[test]
    fn the_sixty_fifth_component_is_named() {
        let parts: String = (0..65).map(|n| format!("part D p{n}\n")).collect();
        let said = said(&format!("skep-recipe 1\n{parts}"));
        assert!(said.contains("p64") && said.contains("at most 64"), "{said}");
    }
}
