// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Product passports: one ERC-721 token per serialised item
/// @notice Token id is the SHA-256 of the item's canonical GS1 Digital Link. A maker issues many items by one root
/// and a token is materialised when a contract first needs it.
interface IProductPassport {
    /// @notice Signed by a MAKER: RFC 9162 root over `size` item leaves, `cid` of the issue manifest.
    struct Issue {
        bytes32 root;
        uint64 size;
        uint64 gtin;
        bytes32 licence;
        bytes cid;
        uint64 deadline;
    }

    /// @notice Signed by the issuing maker, the licensor, or (as a seizure) a CUSTOMS or REGULATOR member.
    /// `item` zero stops the whole issue; `evidence` is SHA-256 of the published decision. An item that was seized is
    /// stopped in every issue, one that was recalled in those of the same maker and GTIN.
    struct Recall {
        bytes32 issueId;
        bytes32 item;
        bytes32 evidence;
        uint64 deadline;
    }

    /// @notice An issue as recorded; `issuedAt` is block time (Unix seconds).
    struct IssueRecord {
        uint64 maker;
        uint64 gtin;
        uint64 size;
        uint48 issuedAt;
        bytes32 licence;
        bytes32 root;
    }

    /// @notice A maker issued `size` items of `gtin`.
    event Issued(
        bytes32 indexed issueId,
        uint64 indexed maker,
        uint64 indexed gtin,
        bytes32 root,
        uint64 size,
        bytes32 licence,
        bytes cid,
        address signer
    );
    /// @notice An issued item became a token.
    event Materialised(bytes32 indexed issueId, uint256 indexed tokenId, uint64 index, string serial, address to);
    /// @notice An item, or the whole issue where `item` is zero, was stopped by member `by`.
    event Recalled(bytes32 indexed issueId, bytes32 indexed item, uint64 indexed by, bytes32 evidence, bool seizure);

    /// @notice The maker issued this root before.
    error AlreadyIssued(bytes32 issueId);
    /// @notice There is no such issue.
    error IssueUnknown(bytes32 issueId);
    /// @notice A number of items of zero.
    error SizeInvalid(uint64 size);
    /// @notice The proof does not lead from the serial at `index` to the issue's root.
    error ProofInvalid(bytes32 issueId, uint64 index, string serial);
    /// @notice Empty, longer than 20 or with a character outside GS1 AI encodable character set 82.
    error SerialInvalid(string serial);
    /// @notice The item has a token already, by `issueId`.
    error AlreadyMaterialised(uint256 tokenId, bytes32 issueId);
    /// @notice Item or issue was stopped by a recall or seizure.
    error ItemRecalled(uint256 tokenId, bytes32 issueId);
    /// @notice The item or issue is seized already, or (by maker or licensor) recalled already.
    error AlreadyRecalled(bytes32 issueId, bytes32 item);
    /// @notice `member` is neither maker, licensor nor an authority.
    error NotRecaller(bytes32 issueId, uint64 member);
    /// @notice Tokens are held by accounts of active members only.
    error HolderNotMember(address holder);
    /// @notice A digest that must not be zero is.
    error FieldEmpty(string field);

    /// @notice Issues items under a licence, consuming its quantity.
    function issue(Issue calldata batch, address signer, bytes calldata signature) external returns (bytes32 issueId);
    /// @notice Mints the token of one issued item to its maker's account; by anybody with the proof.
    function materialise(bytes32 issueId, uint64 index, string calldata serial, bytes32[] calldata proof)
        external
        returns (uint256 tokenId);
    /// @notice Stops an item or an issue at once.
    function recall(Recall calldata stop, address signer, bytes calldata signature) external;

    /// @notice An issue's record; reverts where there is none.
    function issueRecord(bytes32 issueId) external view returns (IssueRecord memory);
    /// @notice The issue a token came from; zero where the item was never materialised.
    function issueOf(uint256 tokenId) external view returns (bytes32 issueId);
    /// @notice The member who stopped this item or its issue, and the evidence; zeros where nobody did. A seizure is
    /// named before a recall, and the issue's before the item's.
    function recallOf(bytes32 issueId, bytes32 item) external view returns (uint64 by, bytes32 evidence);
    /// @notice Id of an issue: keccak256(abi.encode(maker, root)).
    function issueIdOf(uint64 maker, bytes32 root) external pure returns (bytes32);
    /// @notice Canonical Digital Link and token id (its SHA-256) of an item.
    function itemOf(uint64 gtin, string calldata serial) external pure returns (string memory uri, uint256 tokenId);
}
